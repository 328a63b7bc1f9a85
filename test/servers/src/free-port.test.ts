import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { freePort } from './free-port.ts';

test('no port is given to two processes at the same time, or twice to one process', async () => {
  const own = await Promise.all(Array.from({ length: 200 }, freePort));
  assert.equal(new Set(own).size, own.length);
  const program = `
    const { freePort } = await import(${JSON.stringify(new URL('free-port.ts', import.meta.url).href)});
    const ports = [];
    for (let count = 0; count < 500; count += 1) ports.push(await freePort());
    console.log(ports.join(' '));`;
  const others = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(
    others
      .trim()
      .split(' ')
      .filter((port) => own.includes(Number(port))).length,
    0,
  );
});
