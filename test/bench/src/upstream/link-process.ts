// The process of `startLink`. It reports its address, then answers each question with one message.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createLink, type LinkLimits } from './link.ts';

const link = createLink(process.argv[2] ?? '');
link.server.listen(0, '127.0.0.1');
await once(link.server, 'listening');
process.on('message', (question: { readonly limits: LinkLimits } | { readonly part: string }) => {
  if ('part' in question) process.send?.(link.counts(question.part));
  else {
    link.limit(question.limits);
    process.send?.({});
  }
});
process.once('disconnect', () => process.exit());
process.send?.(`http://127.0.0.1:${(link.server.address() as AddressInfo).port}`);
