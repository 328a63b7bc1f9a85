// Divides the functions of a module between the world and the machine.
import { simulatedRoot } from './file-system.ts';

export type Functions = Record<string, (...given: never[]) => unknown>;

/** Returns whether the path is below the simulated root. */
export const isSimulated = (path: unknown) => typeof path === 'string' && `${path}/`.startsWith(`${simulatedRoot}/`);

/** `isOurs` gets the first argument of a call. If it returns false, the machine's own function is called. */
export function divide(machine: Functions, simulated: Functions, isOurs: (first: unknown) => boolean): Functions {
  const divided = Object.entries(simulated).map(([name, ours]) => {
    const own = machine[name]!;
    return [name, (...given: never[]) => (isOurs(given[0]) ? ours(...given) : own(...given))] as const;
  });
  return Object.fromEntries(divided);
}
