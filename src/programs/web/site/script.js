// Asks for the picture again, each time in another way, and shows what the server answers.
const picture = 'loop.svg';

async function ask(init) {
  const response = await fetch(picture, { cache: 'no-store', ...init });
  const { byteLength } = await response.arrayBuffer();
  return { status: response.status, headers: response.headers, length: byteLength };
}

async function answers() {
  const whole = await ask({});
  const head = await ask({ method: 'HEAD' });
  const part = await ask({ headers: { Range: 'bytes=0-99' } });
  const known = await ask({ headers: { 'If-None-Match': whole.headers.get('etag') ?? '' } });
  return [
    [`GET ${picture}`, whole.status, `${whole.length} bytes of ${whole.headers.get('content-type')}`],
    [`HEAD ${picture}`, head.status, `the same header, ${head.length} bytes after it`],
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

document.querySelector('#answers').replaceChildren(...(await answers()).map(row));
document.documentElement.dataset.ready = 'yes';
