// Creates the connections of processes to the shared parts. The weather at the time of a call decides how the call
// ends.
import type { Owner } from '../world/owner.ts';
import { failureOf, fateOf, type SharedPart, type Weather } from './cluster-weather.ts';
import type { RemoteLink } from './remote-part.ts';

export interface Links {
  /** How long a call takes, one way. */
  callMs(): number;
  /** `ends` has the functions that end the subscriptions of the process. */
  of(owner: Owner, part: SharedPart, ends: Set<() => void>): RemoteLink;
}

const patienceMs = 500;

export function createLinks(weather: Weather): Links {
  const callMs = () => weather.random.fraction() * weather.callMs;
  return {
    callMs,
    of: (owner, part, ends) => ({
      owner,
      ends,
      latencyMs: callMs,
      patienceMs,
      fate: () => fateOf(weather, part),
      failure: () => failureOf(part),
      losesCall: (step) => step.includes('pubsub') && weather.random.chance(weather.losesMessages),
    }),
  };
}
