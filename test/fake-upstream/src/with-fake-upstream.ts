// Runs a test of this package with an upstream that is always closed.
import { type FakeUpstream, type FakeUpstreamOptions, startFakeUpstream } from './start-fake-upstream.ts';

export async function withFakeUpstream(
  options: FakeUpstreamOptions,
  action: (upstream: FakeUpstream) => Promise<void>,
): Promise<void> {
  const upstream = await startFakeUpstream(options);
  try {
    await action(upstream);
  } finally {
    await upstream.close();
  }
}
