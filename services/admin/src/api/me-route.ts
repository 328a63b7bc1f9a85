// `GET /v1/me`: the caller, and whether it can change something. So the console shows no button that cannot work.
import { me } from '@cistern/operations/api';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/add-route.ts';

/** `reason` is the reason why no caller can change anything, or `null`. */
export function addMeRoute(app: FastifyInstance, reason: string | null): void {
  addRoute(app, {
    path: 'GET /v1/me',
    tag: 'state',
    summary: 'The caller, and whether it can change something',
    answer: me,
    act: async ({ request: { operator } }) => ({
      operator: operator === '' ? null : operator,
      mayAct: reason === null,
      reason,
    }),
  });
}
