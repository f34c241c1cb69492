// Document 003: the same readiness again and again, or once.
import { expect, test } from 'vitest';
import { Client, stop } from '../support/servers.js';
import { perform, Screen } from '../support/transcript.js';

test('level-triggered: with nobody there a line says that the time has passed; with a client the same is told again and again', async () => {
  const server = await perform('level-triggered', ['--timeout', '0.02']);
  const screen = new Screen(server);
  const passed = 'select: 0.02 s have passed: nobody has come';
  await screen.shows(passed, passed);
  await Client.to(server);
  await screen.until('select: the listener is readable, for the 1st time');
  await screen.shows(
    'select: the listener is readable, for the 2nd time',
    'select: the listener is readable, for the 3rd time',
    'select: the listener is readable, for the 4th time',
    'select: the listener is readable, for the 5th time',
    /^select: the listener is readable, for the [\d,]+(st|nd|rd|th) time \([\d,]+ times in between\)$/,
  );
  const { code, stdout } = await stop(server);
  expect(code).toBe(0);
  // Each turn is counted, few are shown.
  const [count] = (/.* ([\d,]+)\w\w time/s.exec(stdout) ?? []).slice(1).map((text) => Number(text.replaceAll(',', '')));
  expect(count).toBeGreaterThan(stdout.split('\n').length * 10);
});

test('edge-triggered: told once, then silence until another client comes', async () => {
  const server = await perform('level-triggered', ['--trigger', 'edge', '--timeout', '0.02']);
  const screen = new Screen(server);
  const call = 'epoll, edge-triggered:';
  await screen.shows(`${call} 0.02 s have passed: nobody has come`);
  await Client.to(server);
  await screen.until(`${call} the listener is readable, for the 1st time`);
  const silence = `${call} 0.02 s have passed: nothing new`;
  await screen.shows(silence, silence, silence);
  await Client.to(server);
  const before = await screen.until(`${call} the listener is readable, for the 2nd time`);
  for (const line of before) expect(line).toBe(silence);
  await screen.shows(silence, silence, silence);
  expect(await stop(server)).toMatchObject({ code: 0, stderr: '' });
});

test('it accepts nobody: a client hears nothing until the end', async () => {
  for (const trigger of ['level', 'edge']) {
    const server = await perform('level-triggered', ['--trigger', trigger]);
    const screen = new Screen(server);
    const client = await Client.to(server);
    client.say('let me in');
    await screen.until(/readable, for the 1st time/);
    expect(client.over).toBe(null);
    expect((await stop(server)).code).toBe(0);
    expect((await client.hearAll()).length).toBe(0);
    expect(client.over).toBe('ECONNRESET');
  }
});
