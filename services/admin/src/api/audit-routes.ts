// `GET /v1/audit`: actions of operators and refused requests on all nodes, page by page.
import type { Audit } from '@cistern/operations';
import { auditKind, auditPage, count } from '@cistern/operations/api';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { addRoute } from '../http/add-route.ts';

const auditQuery = z.object({
  limit: z.int().min(1).max(500).default(100),
  before: count.describe('As the page before gave it.').optional(),
  kind: auditKind.optional(),
});

export function addAuditRoutes(app: FastifyInstance, audit: Pick<Audit, 'list'>): void {
  addRoute(app, {
    path: 'GET /v1/audit',
    tag: 'nodes',
    summary: 'Actions of operators and refused requests, the newest first',
    description:
      'The newest 2,000 of each kind, of all nodes, within a second. A node reports at most five refusals a second. ' +
      'The audit log of each process (audit.path) has all of them.',
    query: auditQuery,
    answer: auditPage,
    act: ({ query }) => audit.list(query),
  });
}
