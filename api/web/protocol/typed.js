// What people type, paste and scan, as characters of the protocol: which of them count, and where a code stands among them.
//
// Chat programs, office programs, keyboards and scanners add invisible characters, full-width letters, other dashes, quotes,
// labels and link parameters. What is unambiguous is read; nothing that carries information is ever changed. Python's twin is
// provenance/core/typed.py; tests/vectors/typed-codes.json holds both to one table.

const DASHES = /[\p{Pd}\u2212\u2043]/u;
const UNSEEN = /[\p{Cf}\p{Mn}]/u;
const CONTROL = /(?!\s)\p{Cc}/u;
const ESCAPES = /(?:%[0-9a-f]{2})+/gi;
const WHOLE_KEY = /(?<![a-z0-9])vp1(?:[\s-]*[a-z0-9]){52}(?![a-z0-9])/gi;
const KEY_START = /vp1/i;
const KEY_END = /[&?#]|[^a-z0-9]*$/i;
const ID = /(?<![0-9a-z])(?:0x)?([0-9a-f]{16})\s*-\s*([0-9]+)(?![0-9a-z])/gi;

/**
 * The characters that can be seen, each in its compatibility form (NFKC), with the place, from 0, where each stood in the text.
 * Percent-escapes of links are undone.
 */
function plain(text) {
  const characters = [];
  for (const [place, character] of unescaped(text))
    for (const form of character.normalize("NFKC"))
      if (!UNSEEN.test(form) && !CONTROL.test(form)) characters.push([shape(form), place]);
  return characters;
}

const shape = (form) => (DASHES.test(form) ? "-" : /\s/u.test(form) ? " " : form);

/** [place, character] of each code point. */
function unescaped(text) {
  const found = [];
  let [place, end] = [0, 0];
  const take = (part) => [...part].forEach((character) => found.push([place++, character]));
  for (const { 0: escape, index } of text.matchAll(ESCAPES)) {
    take(text.slice(end, index));
    const bytes = Uint8Array.from(escape.match(/[0-9a-f]{2}/gi), (pair) => parseInt(pair, 16));
    for (const character of new TextDecoder().decode(bytes)) found.push([place, character]);
    place += escape.length;
    end = index + escape.length;
  }
  take(text.slice(end));
  return found;
}

// The expressions work on code units; a character beyond U+FFFF counts as one here, and none of them occurs in a code.
const joined = (characters) => characters.map(([c]) => (c.length === 1 ? c : "\ufffd")).join("");
const compact = (characters) => characters.filter(([c]) => c !== " " && c !== "-");

/** The [character, place] lists of everything in `text` that has a key's length, without the spaces and dashes in it. */
export function keysIn(text) {
  const characters = plain(text);
  return [...joined(characters).matchAll(WHOLE_KEY)].map((m) => compact(characters.slice(m.index, m.index + m[0].length)));
}

/** What follows the first VP1, or the whole text where there is none: for saying what is wrong with it. */
export function keyStart(text) {
  const characters = plain(text);
  const rest = joined(characters);
  const start = Math.max(rest.search(KEY_START), 0);
  const end = rest.search(KEY_START) < 0 ? rest.length : start + KEY_END.exec(rest.slice(start)).index;
  return compact(characters.slice(start, end));
}

/** Every voucher id in `text`, in lower case. */
export function idsIn(text) {
  return [...joined(plain(text)).matchAll(ID)].map(([, batch, index]) => `${batch.toLowerCase()}-${index}`);
}
