// All that the package exports and that can be called: found, not listed, so that nothing is left out.
export const ENTRY_POINTS = ['fdmux', 'fdmux/sys', 'fdmux/selectors', 'fdmux/compat/epoll', 'fdmux/trace'];

/** The parameters of a function, as its source has them: `fd`, `events`, `{ signal }`… Defaults are left out. */
export function parameters(source) {
  const found = [];
  let word = '';
  let depth = 0;
  for (const sign of source.slice(source.indexOf('('))) {
    if (')]}'.includes(sign)) depth--;
    if (depth === 0 && word + sign !== '(') break;
    if (depth === 1 && sign === ',') {
      found.push(word);
      word = '';
    } else if (depth > 0) word += sign;
    if ('([{'.includes(sign)) depth++;
  }
  return [...found, word].map((text) => text.trim().replace(/^\.{3}/, '')).filter((text) => text !== '');
}

/** A parameter's name without its default, and of one that is taken apart, the names of its fields. */
function place(text) {
  const fields = /^\{(.*?)\}/.exec(text)?.[1];
  if (fields === undefined) return { name: text.split('=')[0].trim(), fields: [] };
  return { name: 'options', fields: fields.split(',').map((field) => field.split('=')[0].trim()) };
}

const places = (source) => parameters(source).map(place);
const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value));
const isOurs = (prototype) => prototype !== null && isClass(prototype.constructor);

/** What an object inherits from this project's classes; what a class puts over its parent's counts once. */
function* members(prototype) {
  const seen = new Set();
  for (let at = prototype; isOurs(at); at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      const { value, get, set } = Object.getOwnPropertyDescriptor(at, key);
      if (key === 'constructor' || seen.has(key)) continue;
      seen.add(key);
      const name = typeof key === 'symbol' ? `[${key.description}]` : key;
      if (typeof value === 'function') yield { name, call: value, places: places(value.toString()) };
      if (get) yield { name: `get ${name}`, call: get, places: [] };
      if (set) yield { name: `set ${name}`, call: set, places: places(set.toString()) };
    }
  }
}

function constructorPlaces(type) {
  for (let at = type; typeof at === 'function' && isClass(at); at = Object.getPrototypeOf(at)) {
    const source = at.toString();
    const start = source.search(/\bconstructor\(/);
    if (start !== -1) return places(source.slice(start));
  }
  return [];
}

/**
 * @param produced objects that exported functions make, by the names of their classes, which are not exported themselves
 * @returns each callable: its name, its places, how it is called, and of a method, which class's
 */
export async function surface(produced) {
  const found = [];
  const seen = new Set();
  for (const entryPoint of ENTRY_POINTS) {
    for (const [name, value] of Object.entries(await import(entryPoint))) {
      if (typeof value !== 'function' || seen.has(value)) continue;
      seen.add(value);
      const full = `${entryPoint} ${name}`;
      if (!isClass(value)) {
        found.push({ name: full, places: places(value.toString()), call: (_, args) => value(...args) });
        continue;
      }
      const make = (_, args) => Reflect.construct(value, args);
      found.push({ name: `${full} constructor`, places: constructorPlaces(value), call: make });
      for (const key of Reflect.ownKeys(value)) {
        const member = value[key];
        if (typeof member !== 'function') continue;
        const call = (_, args) => Reflect.apply(member, value, args);
        found.push({ name: `${full}.${String(key)}`, places: places(member.toString()), call });
      }
      found.push(...methods(full, value.prototype));
    }
  }
  for (const [name, object] of Object.entries(produced)) found.push(...methods(name, Object.getPrototypeOf(object)));
  return found;
}

function methods(type, prototype) {
  return [...members(prototype)].map(({ name, call, places }) => ({
    ...{ name: `${type}#${name}`, type, prototype, places },
    call: (self, args) => Reflect.apply(call, self, args),
  }));
}
