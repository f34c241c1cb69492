// Every echo program against what the world does to a server. A new echo program is one row more of `echoPrograms`.
import { Socket } from 'fdmux';
import * as sys from 'fdmux/sys';
import { describe, expect, test } from 'vitest';
import { needs, start } from '../support/processes.js';
import {
  busyness,
  Client,
  common,
  descriptorsOf,
  echoPrograms,
  FDMUX,
  holdPort,
  needsDescriptors,
  ownDescriptors,
  pattern,
  queued,
  residentMemory,
  roomBelow,
  type Server,
  serve,
  settled,
  stop,
  testIf,
  until,
} from '../support/servers.js';

const MIB = 1024 * 1024;

/** Writes without end, and reads as fast as it can. */
function flood(server: Server): void {
  const script = 'exec nc "$0" "$1" </dev/zero >/dev/null';
  start('sh', ['-c', script, server.host, String(server.port)]);
}

/** Writes until the server takes no more, up to `most` bytes. @returns how many were written */
async function writeAllItCan(client: Client, chunk: Buffer, most: number): Promise<number> {
  const { socket } = client;
  for (let written = 0; written < most; ) {
    written += chunk.length;
    if (socket.write(chunk)) continue;
    const left = await settled(() => socket.writableLength, 'what waits to be sent');
    if (left > 0) return written - left;
  }
  return most;
}

for (const program of echoPrograms) {
  const { name, oneAtATime = false, descriptors: most, greeting } = program;

  describe(program.title, () => {
    test('nothing is lost to a client that says all and goodbye, and reads late and slowly', async () => {
      const server = await serve(program);
      const client = await Client.to(server);
      // More than the kernel's buffers hold: the server must wait in the middle of it.
      const sent = pattern(16 * MIB);
      client.say(sent);
      client.finish();
      await settled(() => queued(server), 'what is on its way');
      const parts: Buffer[] = [];
      while (client.over === null) parts.push(await client.hear(65536));
      expect(client.payload(Buffer.concat(parts)).equals(sent)).toBe(true);
      expect(client.over).toBe('ended');
    });

    test('clients that write and never read cost it no memory to speak of', async () => {
      const server = await serve(program);
      const chunk = pattern(MIB);
      const silence = async (): Promise<{ clients: Client[]; written: number[] }> => {
        const clients = await Client.many(server, oneAtATime ? 1 : 8);
        return { clients, written: await Promise.all(clients.map((client) => writeAllItCan(client, chunk, 64 * MIB))) };
      };
      // What the first ones cost is the program's own: compiled code, a heap that finds its size.
      const open = await ownDescriptors(server);
      for (const client of (await silence()).clients) client.reset();
      await until(() => descriptorsOf(server.pid) === open, 'the first ones have left');
      const before = residentMemory(server.pid);

      const { written } = await silence();
      const growth = residentMemory(server.pid) - before;
      for (const bytes of written) expect(bytes).toBeLessThan(64 * MIB);
      expect(growth).toBeLessThan(16 * MIB);
    });

    test('500 connections at once are all answered', async () => {
      const server = await serve(program);
      const answers = await Promise.all(
        Array.from({ length: 500 }, async (_, i) => {
          const client = await Client.to(server);
          const answer = await client.ask(`I am ${i}`);
          client.leave();
          return answer;
        }),
      );
      expect(answers).toEqual(answers.map((_, i) => `I am ${i}`));
    });

    testIf(!oneAtATime)('200 clients talk at once, and each hears its own', async () => {
      const server = await serve(program);
      const all = await Client.many(server, 200);
      for (let round = 0; round < 5; round++) {
        const answers = await Promise.all(all.map((client, i) => client.ask(`${round}: I am ${i}`)));
        expect(answers).toEqual(answers.map((_, i) => `${round}: I am ${i}`));
      }
    });

    test('resets end the clients that reset, in all states, and nobody else', async () => {
      const server = await serve(program);
      const before = await ownDescriptors(server);
      const bystander = oneAtATime ? null : await Client.to(server);
      if (bystander !== null) expect(await bystander.ask('before')).toBe('before');
      const chunk = pattern(MIB);
      for (let round = 0; round < 4; round++) {
        const guests = await Client.many(server, 25);
        for (const [i, guest] of guests.entries()) {
          // Unheard, owed more than it takes, half-closed, silent.
          if (i % 4 === 0) guest.say('an answer that nobody reads');
          if (i % 4 === 1 && !oneAtATime) await writeAllItCan(guest, chunk, MIB);
          if (i % 4 === 2) guest.finish();
        }
        for (const guest of guests) guest.reset();
      }
      if (bystander !== null) expect(await bystander.ask('after')).toBe('after');
      bystander?.leave();
      await until(() => descriptorsOf(server.pid) === before, 'as many descriptors as before anybody came');
      expect(await (await Client.to(server)).ask('a newcomer')).toBe('a newcomer');
    });

    test('a client that says goodbye first still gets the whole echo, and then the end', async () => {
      const server = await serve(program);
      for (const length of [0, 1, 70_000, MIB]) {
        const client = await Client.to(server);
        const sent = pattern(MIB).subarray(0, length);
        client.say(sent);
        client.finish();
        expect(client.payload(await client.hearAll()).equals(sent)).toBe(true);
        expect(client.over).toBe('ended');
      }
    });

    test('a goodbye that it learns of together with the last words is heard', async () => {
      const server = await serve(program);
      const client = await Client.to(server);
      await client.ask('are you there?');
      server.process.kill('SIGSTOP');
      client.say('the last words');
      client.finish();
      await settled(() => queued(server), 'what is on its way');
      server.process.kill('SIGCONT');
      expect(client.payload(await client.hearAll()).toString()).toBe('the last words');
      expect(client.over).toBe('ended');
    });

    // select-queues ends a connection at a byte that is urgent, as its document does. Greetings would count as echo.
    testIf(name !== 'select-queues' && greeting === undefined)(
      'what lies behind an urgent byte is sent back, though nothing more comes',
      async () => {
        const server = await serve(program);
        using client = new Socket();
        client.connect({ family: 'IPv4', address: server.host, port: server.port });
        client.setBlocking(false);
        let heard = '';
        const hears = (words: string): Promise<void> =>
          until(() => {
            const count = sys.recv(client.fd, buffer);
            if (count > 0) heard += buffer.toString('latin1', 0, count);
            return heard === words;
          }, `${words}, of which has come: ${heard}`);
        const buffer = Buffer.alloc(64);
        client.send(Buffer.from('hello, '));
        await hears('hello, ');
        server.process.kill('SIGSTOP');
        client.send(Buffer.from('before '));
        client.send(Buffer.from('!'), sys.MSG_OOB);
        client.send(Buffer.from('and behind'));
        await settled(() => queued(server), 'what is on its way');
        server.process.kill('SIGCONT');
        await hears('hello, before and behind');
      },
    );

    testIf(!oneAtATime)('clients that flood it do not starve another', async (ctx) => {
      needs(ctx, 'nc');
      const server = await serve(program);
      const own = await ownDescriptors(server);
      for (let i = 0; i < 3; i++) flood(server);
      await until(() => descriptorsOf(server.pid) === own + 3, 'floods');
      const client = await Client.to(server);
      for (let i = 0; i < 50; i++) expect(await client.ask(`question ${i}`)).toBe(`question ${i}`);
    });

    /**
     * Stops the server, and lets `MUCH` come before it can look: more than it reads from one client in two turns, for
     * what it was told last before it stopped may have been of that client alone.
     */
    const MUCH = 2.25 * MIB;
    const flooded = async (server: Server) => {
      const client = await Client.to(server);
      let heard = 0;
      let said = 0;
      client.socket.on('data', (data) => {
        heard += data.length;
      });
      // The kernel widens the queue of a connection that is used, and of one whose server finds it full at each look: the
      // wider it is, the more certainly a server that is unfair, or forgets, is found out.
      client.say(pattern(8 * MIB));
      said += 8 * MIB;
      for (let left = 3; ; left--) {
        await until(() => heard === said, 'the echo of it all');
        server.process.kill('SIGSTOP');
        client.say(pattern(MUCH));
        said += MUCH;
        const waiting = await settled(() => queued(server), 'what is on its way');
        if (waiting >= MUCH || left === 0) return { name: client.name, said, heardAll: () => heard === said };
        server.process.kill('SIGCONT');
      }
    };

    // Greetings would count as echo.
    testIf(greeting === undefined)(
      'what has all come before it looks is all sent back, though nothing more comes',
      async () => {
        const server = await serve(program);
        const { heardAll } = await flooded(server);
        server.process.kill('SIGCONT');
        await until(heardAll, 'the echo of it all');
      },
    );

    testIf(!oneAtATime)(
      'a client with much to say is not heard out before another is heard',
      async () => {
        const server = await serve(program, { quiet: false });
        const other = await Client.to(server);
        const { name: flooder, said } = await flooded(server);
        other.say('me, too');
        await settled(() => queued(server), 'what is on its way');
        server.process.kill('SIGCONT');
        expect((await other.hear(7)).toString()).toBe('me, too');
        const { stdout } = await stop(server);
        const told = stdout.split('\n');
        const mine = told.indexOf(`${other.name} sent 7 bytes "me, too"`);
        const before = told.slice(0, mine).filter((line) => line.startsWith(`${flooder} sent `));
        const bytes = before.reduce((sum, line) => sum + Number(/ sent (\d+)/.exec(line)?.[1]), 0);
        expect(mine).toBeGreaterThan(0);
        expect(bytes).toBeLessThan(said);
      },
      60_000,
    );

    test('gives back every descriptor', async () => {
      const server = await serve(program);
      const before = await ownDescriptors(server);
      for (let round = 0; round < 3; round++) {
        const guests = await Client.many(server, 50);
        if (!oneAtATime) await Promise.all(guests.map((guest) => guest.ask('here')));
        for (const [i, guest] of guests.entries()) {
          if (i % 3 === 0) guest.reset();
          else if (i % 3 === 1) guest.leave();
          else guest.socket.resume().end();
        }
        await until(() => descriptorsOf(server.pid) === before, 'as many descriptors as before anybody came');
      }
    });

    testIf(!oneAtATime)('out of descriptors, it refuses politely, does not spin, and hears the next one', async () => {
      const server = await serve(program, { quiet: false, descriptors: 48 });
      const room = await roomBelow(48, server);
      expect(room).toBeGreaterThan(4);
      const guests: Client[] = [];
      for (let i = 0; i < room; i++) {
        guests.push(await Client.to(server));
        expect(await guests[i]?.ask('room for me?')).toBe('room for me?');
      }
      const refused = `${name}: no descriptors left, try again later\n`;
      for (const late of await Client.many(server, 10)) {
        expect((await late.hearAll()).toString()).toBe(refused);
        expect(late.over).toBe('ended');
      }
      // One that speaks first is told, too: its words must not turn the goodbye into a reset.
      const hasty = await Client.to(server);
      hasty.say('hello');
      expect((await hasty.hearAll()).toString()).toBe(refused);

      expect(await busyness(server.pid, 500)).toBeLessThan(0.5);
      for (const guest of guests.splice(0, 3)) guest.leave();
      const newcomers: Client[] = [];
      while (newcomers.length < 3) {
        const client = await Client.to(server);
        client.say('now?');
        if ((await client.hear(4)).toString() === 'now?') newcomers.push(client);
      }
      for (const guest of [...guests, ...newcomers]) expect(await guest.ask('and now?')).toBe('and now?');
      const { stdout } = await stop(server);
      expect(
        stdout.match(/^refused 127\.0\.0\.1:\d+: no descriptors left, try again later$/gm)?.length,
      ).toBeGreaterThan(10);
    });

    testIf(!oneAtATime)('out of descriptors, it tells so at once and not when it happens to look', async () => {
      const server = await serve(program, { descriptors: 48 });
      const room = await roomBelow(48, server);
      const guests = await Client.many(server, room);
      for (const guest of guests) expect(await guest.ask('room?')).toBe('room?');
      const one = async (): Promise<number> => {
        const begin = performance.now();
        await (await Client.to(server)).hearAll();
        return performance.now() - begin;
      };
      await one();
      const refusals: number[] = [];
      for (let i = 0; i < 5; i++) refusals.push(await one());
      const answers: number[] = [];
      for (let i = 0; i < 5; i++) {
        const begin = performance.now();
        await guests[0]?.ask('how long?');
        answers.push(performance.now() - begin);
      }
      expect(Math.min(...refusals)).toBeLessThan(100 * Math.max(...answers));
    });

    testIf(!oneAtATime)('with no descriptor to accept with, it keeps serving, and hears again later', async (ctx) => {
      needs(ctx, 'prlimit');
      const server = await serve(program);
      const limit = async (soft: string): Promise<void> => {
        const { code } = await start('prlimit', ['--pid', String(server.pid), `--nofile=${soft}`]).ended;
        expect(code).toBe(0);
      };
      const busy = await Client.to(server);
      expect(await busy.ask('here?')).toBe('here?');
      // Below what it has open: not even its reserve can be had back.
      await limit('8:');
      const newcomer = await Client.to(server);
      newcomer.say('hello?');
      for (let i = 0; i < 10; i++) expect(await busy.ask('still here?')).toBe('still here?');
      expect(await busyness(server.pid, 500)).toBeLessThan(0.5);
      await limit('1000:');
      // A client that never lets it rest must not keep it from looking at its door.
      const chatter = { on: true };
      const talk = (async () => {
        while (chatter.on) expect(await busy.ask('still here?')).toBe('still here?');
      })();
      try {
        expect((await newcomer.hear(6)).toString()).toBe('hello?');
      } finally {
        chatter.on = false;
        await talk;
      }
    });

    testIf(most !== undefined)('refuses politely whom it cannot watch, and says so', async (ctx) => {
      needsDescriptors(ctx, 2048);
      const server = await serve(program, { quiet: false });
      const room = await roomBelow(most as number, server);
      const guests = await Client.many(server, room);
      for (const answer of await Promise.all(guests.map((guest) => guest.ask('room?')))) expect(answer).toBe('room?');
      const reason = `full: select(2) watches no descriptor above ${(most as number) - 1}`;
      const late = await Client.many(server, 3);
      for (const client of late) {
        expect((await client.hearAll()).toString()).toBe(`${name}: ${reason}\n`);
        expect(client.over).toBe('ended');
      }
      guests.pop()?.leave();
      await until(() => descriptorsOf(server.pid) < (most as number), 'room');
      expect(await (await Client.to(server)).ask('room now?')).toBe('room now?');
      const { code, stdout } = await stop(server);
      expect(code).toBe(0);
      for (const client of late) expect(stdout).toContain(`refused ${client.name}: ${reason}\n`);
    });

    testIf(most === undefined && !oneAtATime)('holds more than select(2) could', async (ctx) => {
      needsDescriptors(ctx, 2048);
      const server = await serve(program);
      const guests = await Client.many(server, 1100);
      const answers = await Promise.all(guests.map((guest, i) => guest.ask(`I am ${i}`)));
      expect(answers).toEqual(answers.map((_, i) => `I am ${i}`));
      expect(descriptorsOf(server.pid)).toBeGreaterThan(1100);
    });

    test.each(['SIGTERM', 'SIGINT'] as const)('%s under load ends it: every socket closed, code 0', async (signal) => {
      const port = holdPort();
      const server = await serve(program, { port });
      const guests = await Client.many(server, 50);
      for (const guest of guests) {
        guest.socket.on('data', (echo) => guest.say(echo));
        guest.say(pattern(32768));
      }
      const unread = await Client.to(server);
      await writeAllItCan(unread, pattern(MIB), 64 * MIB);
      unread.socket.resume();
      const { code, signal: killer, stdout, stderr } = await stop(server, signal);
      expect({ code, killer, stderr }).toEqual({ code: 0, killer: null, stderr: '' });
      expect(stdout).toBe(`${name} listening on 127.0.0.1:${server.port}\n`);
      await until(() => [...guests, unread].every((guest) => guest.over !== null), 'the end of every connection');
      const again = await serve(program, { port });
      expect(await (await Client.to(again)).ask('again')).toBe('again');
    });

    test('serves over IPv6', async () => {
      const server = await serve(program, { host: '::1', quiet: false });
      const client = await Client.to(server);
      expect(await client.ask('hello')).toBe('hello');
      client.leave();
      const { stdout } = await stop(server);
      expect(common(program, stdout.split('\n')).slice(0, 2)).toEqual([
        `${name} listening on [::1]:${server.port}`,
        `${client.name} came (1 connected)`,
      ]);
    });

    test('listens on loopback and the document’s port unless told otherwise', async () => {
      const { stdout } = await start(process.execPath, [FDMUX, 'serve', name, '--help']).ended;
      expect(stdout).toMatch(/--host <address>.*\(default: "127\.0\.0\.1"\)/s);
      expect(stdout).toMatch(new RegExp(`--port <number>[^)]*\\(default: ${program.port}\\)`));
    });
  });
}
