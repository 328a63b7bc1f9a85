// What operators asked for and who was turned away, of late, on all nodes: `GET /v1/audit`, page by page.
import type { Audit, AuditSearch } from '@cistern/operations';
import type { FastifyInstance } from 'fastify';
import { answer } from './answer.ts';
import { describeRoute } from './describe-route.ts';
import { count, list, object, optional, orNull, text, time } from './json-schema.ts';

const kind = text('action: what operators asked for; refusal: who was turned away.', { enum: ['action', 'refusal'] });

const schema = describeRoute('nodes', {
  summary: 'What operators asked for and who was turned away, the newest first',
  description:
    'The newest 2,000 of each kind, of all nodes, within a second; of refusals a node tells five a second at most. ' +
    'The audit log of each process (audit.path) has them all.',
  querystring: object({
    limit: optional({ type: 'integer', minimum: 1, maximum: 500, default: 100 }),
    before: optional({ ...count('As the page before gave it.'), maximum: Number.MAX_SAFE_INTEGER }),
    kind: optional(kind),
  }),
  answer: object({
    entries: list(
      object({
        kind,
        at: time('When it ended'),
        event: text('limited: beyond a limit, or locked out.', { enum: ['asked', 'denied', 'refused', 'limited'] }),
        node: text('The name of the node that was asked.'),
        user: orNull(text('Who was let in; null: nobody with a name.')),
        address: orNull(text('Where the request came from.')),
        what: text('Method and path.'),
        about: orNull(text('Of what operators asked for, its particulars; else why it was refused, if that is known.')),
        status: orNull(count('Of the answer; null: none was begun.')),
      }),
    ),
    before: orNull(count('For the next page; null: that was all.')),
  }),
});

export function addAuditRoutes(app: FastifyInstance, audit: Pick<Audit, 'list'>): void {
  app.get<{ Querystring: AuditSearch }>('/v1/audit', { schema }, ({ query }, reply) =>
    answer(reply, () => audit.list(query)),
  );
}
