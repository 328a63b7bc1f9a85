// The access for tests: the operator ada with the password `s3cret`, and the cluster's token `right`.
import { createAuthenticator } from '@cistern/auth';

export const accessOfTest = createAuthenticator({
  challenge: { scheme: 'basic', realm: 'Cistern' },
  passwords: [
    async ({ user: name, password }) => {
      const method = 'password';
      if (password === 'guessed too often') return { result: 'locked-out', method, retryAfterMs: 90_500 };
      if (name !== 'ada' || password !== 's3cret')
        return { result: 'refused', method, message: 'The password is wrong.' };
      return { result: 'accepted', method, identity: { name, method } };
    },
  ],
  tokens: [
    async (token) => {
      const method = 'token';
      return token === 'right' ? { result: 'accepted', method, identity: { name: 'cluster', method } } : undefined;
    },
  ],
});

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
