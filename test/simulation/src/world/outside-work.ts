// Work that Node does outside of the world (files, name look-ups, child processes, the thread pool): virtual time waits for it.

let counted = 0;

/** Real work that Node does not list: between this call and that of the returned function. */
export function beginOutsideWork(): () => void {
  counted += 1;
  return () => {
    counted -= 1;
  };
}

export function isBusyOutside(): boolean {
  return counted > 0 || process.getActiveResourcesInfo().some((name) => name.includes('Req') || name === 'ProcessWrap');
}
