// Replaces undici's coarse clock. A real process has one such clock for all its connections, but several simulated
// processes would share it.
type Callback = (given: unknown) => void;

const set = (callback: Callback, delayMs: number, given: unknown) => setTimeout(callback, delayMs, given);
const clear = (timer: NodeJS.Timeout) => clearTimeout(timer);
const now = () => performance.now();

export { clear as clearFastTimeout, clear as clearTimeout, now, set as setFastTimeout, set as setTimeout };
