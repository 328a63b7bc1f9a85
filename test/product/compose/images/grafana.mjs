// A stand-in for Grafana, which no package of Debian or npm has. It tests what docker-compose.yml gives to Grafana: the
// password, the provisioning files and the dashboards, as Grafana's user. It shows nothing.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const password = readFileSync(process.env.GF_SECURITY_ADMIN_PASSWORD__FILE, 'utf8').trim();
const expected = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;
const provisioning = '/etc/grafana/provisioning';
const files = ['datasources', 'dashboards'].map((kind) =>
  readdirSync(join(provisioning, kind))
    .map((name) => readFileSync(join(provisioning, kind, name), 'utf8'))
    .join('\n'),
);
const [, path = ''] = /path: ([^ }]+)/.exec(files[1]) ?? [];
const dashboards = readdirSync(path).map((name) => JSON.parse(readFileSync(join(path, name), 'utf8')));

const server = createServer((request, response) => {
  const isHealth = request.url === '/api/health';
  const isAllowed = isHealth || request.headers.authorization === expected;
  const body = isHealth ? { database: 'ok' } : dashboards.map(({ uid, title }) => ({ uid, title }));
  response.writeHead(isAllowed ? 200 : 401, { 'content-type': 'application/json' });
  response.end(isAllowed ? JSON.stringify(body) : '{}');
}).listen(3000);
process.once('SIGTERM', () => server.close());
