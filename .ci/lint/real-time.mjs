// The rule `cistern/real-time`: tests neither read nor wait for real time unless a line states why. Tests of libs,
// services and test/simulation run on virtual time, where clocks and sleeps are deterministic. The rule reports nothing
// there.
import { relative, sep } from 'node:path';
import { virtualTrees } from '../../test/run/find-test-files.mjs';
import { findTimeUses } from './find-time-uses.mjs';
import { findReasons } from './find-reasons.mjs';

export const realTime = {
  meta: {
    type: 'problem',
    messages: {
      use: '`{{what}}` {{does}} real time. Await a condition instead, or state the reason on the line before or in the head of the file: // real-time: <reason>',
      form: 'Write a reason in exactly this form: // real-time: <reason>',
      unused: 'Nothing here reads or waits for real time. Remove this line.',
      misplaced:
        'This file runs on virtual time. The line counts only in the head of the file, before the first statement.',
    },
  },
  create(context) {
    const path = relative(context.cwd, context.filename).split(sep).join('/');
    return { Program: (program) => check(context, program, virtualTrees.test(path)) };
  },
};

function check(context, program, isVirtual) {
  const { head, lines, malformed } = findReasons(program, context.sourceCode.getAllComments());
  for (const comment of malformed) context.report({ node: comment, messageId: 'form' });
  if (isVirtual) {
    for (const comment of lines.values()) context.report({ node: comment, messageId: 'misplaced' });
    return;
  }
  const uses = findTimeUses(context.sourceCode.scopeManager.globalScope);
  const used = new Set();
  for (const { node, what, does } of uses) {
    const reason = head ?? lineReason(node, lines);
    if (reason === undefined) context.report({ node, messageId: 'use', data: { what, does } });
    else used.add(reason);
  }
  for (const comment of [head, ...lines.values()])
    if (comment !== undefined && !used.has(comment)) context.report({ node: comment, messageId: 'unused' });
}

/**
 * Finds the reason on the line before the use, or before a statement around it. A reason never covers a whole function.
 */
function lineReason(node, lines) {
  for (let at = node; at.type !== 'Program' && !isBodyOfFunction(at); at = at.parent) {
    const reason = lines.get(at.loc.start.line - 1);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function isBodyOfFunction(node) {
  return node.parent.body === node && node.parent.type.includes('Function');
}
