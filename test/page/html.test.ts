import { describe, expect, test } from 'vitest';
import { escapeHtml, html, jsonScript } from '../../src/page/html.js';
import { page } from '../../src/page/page.js';

const HOSTILE = `</script><script>alert('"1"&')</script><!--`;
const ESCAPED = '&lt;/script&gt;&lt;script&gt;alert(&#39;&quot;1&quot;&amp;&#39;)&lt;/script&gt;&lt;!--';

describe('html', () => {
  test('escapes what is put in, in text and in attributes, and leaves markup as it is', () => {
    expect(escapeHtml(HOSTILE)).toBe(ESCAPED);
    expect(html`<b title="${HOSTILE}">${[HOSTILE, html`<i>${1}</i>`]}</b>`.markup).toBe(
      `<b title="${ESCAPED}">${ESCAPED}<i>1</i></b>`,
    );
  });

  test('shows nothing for false, null and undefined, but 0 for 0', () => {
    expect(html`${false}${null}${undefined}${0}${''}`.markup).toBe('0');
  });

  test('leaves backslashes of the template alone once', () => {
    expect(html`a\n${'b\\n'}`.markup).toBe('a\nb\\n');
  });

  test('hands any value to a script, and no text of it ends the element', () => {
    const { markup } = jsonScript('data', { [HOSTILE]: HOSTILE });
    expect(markup.match(/<\/script>/g)).toHaveLength(1);
    const json = markup.slice(markup.indexOf('>') + 1, -'</script>'.length);
    expect(JSON.parse(json)).toEqual({ [HOSTILE]: HOSTILE });
    expect(json).not.toContain('<');
  });
});

test('a page holds its parts, and text, style and script stay within their elements', () => {
  const text = page({
    title: HOSTILE,
    description: HOSTILE,
    header: html`<h1>${HOSTILE}</h1>`,
    body: html`<p id="own">${HOSTILE}</p>`,
    style: '.own::after { content: "</style><script>" }',
    script: 'console.log("</script><!-- <script>")',
  });
  expect(text.match(/<\/script>/g)).toHaveLength(2);
  expect(text.match(/<\/style>/g)).toHaveLength(1);
  expect(text).toContain(`<title>${ESCAPED}</title>`);
  expect(text).toContain(`<p id="own">${ESCAPED}</p>`);
  expect(text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
});
