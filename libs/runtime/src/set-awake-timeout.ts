// A time limit for others that counts only while this process runs itself: one that was stopped, or starved together with
// its whole machine, has waited for nobody, and Node fires its timers before it reads what has come meanwhile.

const steps = 10;

/** As `setTimeout`, except that a standstill of whatever length costs a tenth of `ms` at most. Returns what cancels it. */
export function setAwakeTimeout(callback: () => void, ms: number): () => void {
  let left = steps;
  let timer = setTimeout(step, ms / steps);
  function step(): void {
    left -= 1;
    if (left === 0) callback();
    else timer = setTimeout(step, ms / steps);
  }
  return () => clearTimeout(timer);
}
