// Defines the weather of a simulated cluster: the present state of its network and of its shared parts. Scenarios
// change it while a cluster runs.
import { CacheError } from '@cistern/errors';
import type { Random } from '../world/random.ts';
import { type ObjectFaults, createObjectFaults } from './object-faults.ts';

export interface Weather {
  readonly random: Random;
  /** The longest time that a call of a shared part takes, one way. */
  callMs: number;
  /** Chance that a call fails while its part is unavailable. 0 means that no call fails. */
  indexFails: number;
  storeFails: number;
  /** Chance that an announcement is lost. */
  losesMessages: number;
  /** Pairs of processes, as `one two` in both orders, that cannot reach each other. */
  readonly cut: Set<string>;
  /**
   * The system error with which new connections between two processes fail immediately. The keys are pairs as in `cut`.
   */
  readonly refused: Map<string, string>;
  readonly objects: ObjectFaults;
}

export function createWeather(random: Random): Weather {
  return {
    random,
    callMs: 1,
    indexFails: 0,
    storeFails: 0,
    losesMessages: 0,
    cut: new Set(),
    refused: new Map(),
    objects: createObjectFaults(),
  };
}

export function clearWeather(weather: Weather): void {
  Object.assign(weather, { indexFails: 0, storeFails: 0, losesMessages: 0 });
  weather.cut.clear();
  weather.refused.clear();
}

export type SharedPart = 'index' | 'store' | 'queue';

/** Decides how a call of a part ends. The queue and the index are one server, so they fail together. */
export function fateOf(weather: Weather, part: SharedPart): 'done' | 'refused' | 'lost' | 'unheard' {
  const { random } = weather;
  const chance = part === 'store' ? weather.storeFails : weather.indexFails;
  if (chance === 0 || !random.chance(chance)) return 'done';
  return random.pick(['refused', 'lost', 'unheard'] as const);
}

export function failureOf(part: SharedPart): CacheError {
  if (part === 'store')
    return new CacheError('store-unavailable', 'simulated: the store is unavailable', { retryable: true });
  return new CacheError('index-unavailable', 'simulated: Redis is unavailable', { retryable: true });
}
