// Asks for the picture again, each time in another way, and shows what the server answers.
const picture = 'loop.svg';

async function ask() {
  const whole = await fetch(picture, { cache: 'no-store' });
  const size = Number(whole.headers.get('content-length'));
  const etag = whole.headers.get('etag') ?? '';
  const head = await fetch(picture, { method: 'HEAD', cache: 'no-store' });
  const part = await fetch(picture, { headers: { Range: 'bytes=0-99' }, cache: 'no-store' });
  const known = await fetch(picture, { headers: { 'If-None-Match': etag }, cache: 'no-store' });
  return [
    [`GET ${picture}`, whole.status, `${size} bytes of ${whole.headers.get('content-type')}`],
    [`HEAD ${picture}`, head.status, `the same header, ${(await head.text()).length} bytes after it`],
    ['… Range: bytes=0-99', part.status, part.headers.get('content-range')],
    ['… If-None-Match: its ETag', known.status, 'you have it already: nothing is sent'],
  ];
}

function row(cells) {
  const tr = document.createElement('tr');
  for (const [i, cell] of cells.entries()) {
    const td = document.createElement('td');
    const text = i === 0 ? td.appendChild(document.createElement('code')) : td;
    text.textContent = String(cell);
    tr.append(td);
  }
  return tr;
}

document.querySelector('#answers').replaceChildren(...(await ask()).map(row));
document.documentElement.dataset.ready = 'yes';
