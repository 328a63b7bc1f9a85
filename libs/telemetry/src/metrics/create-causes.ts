// The causes of states that gauges show only as numbers, such as why a circuit breaker is open.

export interface Causes {
  /**
   * Notes the latest cause of a state. `subject` is the upstream, its endpoint and the account, separated by spaces. For a
   * certificate it is the listener.
   */
  note(state: CausedState, subject: string, cause: unknown): void;
  clear(state: CausedState, subject: string): void;
  /** Returns the cause without a full stop. */
  read(state: CausedState, subject: string): string | undefined;
}

/** `endpoint`: its circuit breaker opened. `credential`: it is refused. `certificate`: a new one is unusable. */
type CausedState = 'endpoint' | 'credential' | 'certificate';

/** Subjects come from the configuration, so there are few. */
export function createCauses(): Causes {
  const causes = new Map<string, string>();
  return {
    note(state, subject, cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      causes.set(keyOf(state, subject), text.replace(/\.$/, ''));
    },
    clear: (state, subject) => void causes.delete(keyOf(state, subject)),
    read: (state, subject) => causes.get(keyOf(state, subject)),
  };
}

function keyOf(state: CausedState, subject: string): string {
  return `${state} ${subject}`;
}
