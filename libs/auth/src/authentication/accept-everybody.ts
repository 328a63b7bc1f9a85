import type { Authenticator } from './authenticator.ts';
import { anonymous } from './identity.ts';

const accepted = Object.freeze({ result: 'accepted', method: 'anonymous', identity: anonymous } as const);

/**
 * Does not even look: docker shows a mirror the user's credentials for Docker Hub, which are none of ours, and goes round
 * a mirror that refuses them.
 */
export function acceptEverybody(): Authenticator {
  return { challenge: undefined, everybody: accepted, authenticate: async () => accepted };
}
