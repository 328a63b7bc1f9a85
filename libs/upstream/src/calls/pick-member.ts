// Picks one member of a JSON object out of a body while it comes. Some registries send the list of tags beside a description
// of each manifest, which is many times larger.
import type { BodyPicker } from '../transport/transport.ts';

export interface MemberPicker extends BodyPicker {
  /** Whether the object has come to its end. The other members are not checked. */
  isComplete(): boolean;
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];
const maxNameBytes = 64;

/** `push` returns the bytes of the member's value, and white space around it. In UTF-8 no byte of a longer character is ASCII. */
export function pickMember(name: string, maxReceivedBytes: number): MemberPicker {
  let depth = 0;
  let inString = false;
  let isEscaped = false;
  let isInName = false;
  let lastName = '';
  let isPicking = false;
  let isPicked = false;
  let isEnded = false;

  /** Returns the index of the byte that ends the string, or the chunk's length. */
  function skipString(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length) {
      if (isEscaped) {
        isEscaped = false;
        at += 1;
        continue;
      }
      const end = indexIn(chunk, quote, at);
      // Escapes are rare: only the string is searched for them.
      const escape = chunk.subarray(at, end).indexOf(backslash);
      const stop = escape === -1 ? end : at + escape;
      if (isInName && lastName.length < maxNameBytes) lastName += chunk.toString('latin1', at, stop);
      if (escape === -1) return end;
      isEscaped = true;
      at = stop + 1;
    }
    return at;
  }

  return {
    maxReceivedBytes,
    isComplete: () => isEnded,
    push(chunk) {
      const picked: Buffer[] = [];
      let from = 0;
      for (let at = 0; at < chunk.length; at += 1) {
        if (inString) {
          at = skipString(chunk, at);
          inString = at === chunk.length;
          continue;
        }
        const byte = chunk[at];
        if (byte === quote) {
          inString = true;
          if (isInName) lastName = '';
        } else if (byte === openBrace || byte === openBracket) {
          depth += 1;
          if (depth === 1) isInName = byte === openBrace;
        } else if (depth === 1 && byte === colon && isInName) {
          isInName = false;
          isPicking = lastName === name && !isPicked;
          from = at + 1;
        } else if (depth === 1 && (byte === comma || byte === closeBrace)) {
          if (isPicking) picked.push(chunk.subarray(from, at));
          isPicked ||= isPicking;
          isPicking = false;
          isInName = byte === comma;
          isEnded = byte === closeBrace;
        }
        if (byte === closeBrace || byte === closeBracket) depth -= 1;
      }
      if (isPicking) picked.push(chunk.subarray(from));
      return picked.length === 1 ? picked[0]! : Buffer.concat(picked);
    },
  };
}

function indexIn(chunk: Buffer, byte: number, from: number): number {
  const index = chunk.indexOf(byte, from);
  return index === -1 ? chunk.length : index;
}
