// Lines that come in one turn of the event loop, written together: under load a write for each costs as much as all the rest
// of a line.

/** Where lines go to: takes any number of them in one string. */
interface Output {
  write(text: string): unknown;
}

export interface WriteByTurns extends Output {
  /** Writes what is left. To be called when the process ends. */
  flush(): void;
}

export function writeByTurns(output: Output): WriteByTurns {
  let waiting = '';
  let turn: NodeJS.Immediate | undefined;
  const flush = () => {
    clearImmediate(turn);
    turn = undefined;
    if (waiting === '') return;
    const text = waiting;
    waiting = '';
    output.write(text);
  };
  return {
    write(text) {
      waiting += text;
      turn ??= setImmediate(flush);
    },
    flush,
  };
}
