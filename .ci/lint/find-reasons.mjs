// Finds the comments that state why a file, or a statement in it, needs real time. The test runner reads the same form
// in heads of files, so a similar comment must match it exactly.

const form = /^ real-time: \S/;
const resembling = /^\W*real[-_ ]?time(?:\s*:|\s*$)/i;

/** `lines` has the comments after the head, by line. */
export function findReasons(program, comments) {
  const endOfHead = program.body[0]?.range[0] ?? Infinity;
  const malformed = [];
  const lines = new Map();
  let head;
  for (const comment of comments) {
    if (comment.type === 'Line' && form.test(comment.value)) {
      if (comment.range[1] <= endOfHead) head ??= comment;
      else lines.set(comment.loc.start.line, comment);
    } else if (resembling.test(comment.value)) malformed.push(comment);
  }
  return { head, lines, malformed };
}
