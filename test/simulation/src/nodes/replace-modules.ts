// Replaces modules with doubles: modules that need a server, that share one clock between processes, or that are slow
// to start. It also makes segments smaller.
import { registerHooks } from 'node:module';
import bcrypt from 'bcrypt';

const inAssembly: Readonly<Record<string, string>> = {
  '@cistern/index/redis': 'redis-index.ts',
  '@cistern/jobs/bullmq': 'bullmq.ts',
  '@cistern/blob-store/s3': 's3-store.ts',
};
const residentBytes = 100_000_000;
const replaced: readonly (readonly [RegExp, string])[] = [
  [/\/undici\/lib\/util\/timers\.js$/, 'undici-timers.ts'],
  [/\/libs\/oci\/src\/segments\.ts$/, 'segments.ts'],
  [/\/libs\/fills\/src\/fill\/hash-in-thread\.ts$/, 'hash-in-thread.ts'],
];

/** Must be called before any module of the product is loaded. */
export function replaceModules(): void {
  // Nodes report the resident memory each second, and the real call is slow.
  Object.assign(process.memoryUsage, { rss: () => residentBytes });
  // The threads of bcrypt do not follow virtual time.
  Object.assign(bcrypt, { compare: async (password: string, hash: string) => bcrypt.compareSync(password, hash) });
  registerHooks({
    resolve(specifier, context, next) {
      const isProduct = /\/(?:libs|services)\//.test(context.parentURL ?? '');
      if (specifier === 'lru-cache' && isProduct) return { url: urlOf('lru-cache.ts'), shortCircuit: true };
      const double = inAssembly[specifier];
      if (double !== undefined && context.parentURL?.includes('/libs/assembly/') === true)
        return { url: urlOf(double), shortCircuit: true };
      const resolved = next(specifier, context);
      const [, other] = replaced.find(([path]) => path.test(resolved.url)) ?? [];
      return other === undefined ? resolved : { ...resolved, url: urlOf(other) };
    },
  });
}

function urlOf(double: string): string {
  return new URL(`doubles/${double}`, import.meta.url).href;
}
