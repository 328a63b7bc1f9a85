// Tests the Debian package on a clean Debian system with systemd, from its installation to its removal.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { diagnoseTime } from '@cistern/test-servers';
import { architecture, fileOfRelease } from '../src/install/ensure-release.ts';
import { untilMachine } from '../src/install/open-debian-machine.ts';
import { type Installation, openInstallation } from '../src/install/open-installation.ts';

const stack = new AsyncDisposableStack();
let installation: Installation;
let run: Installation['machine']['run'];
let filesBefore: ReadonlySet<string>;

before(async () => {
  const file = await fileOfRelease(new RegExp(`_${architecture}\\.deb$`));
  installation = await openInstallation('server');
  stack.defer(installation.close);
  ({ run } = installation.machine);
  await installation.machine.copyIn(file);
  await run('apt-get --quiet update');
  filesBefore = new Set(await listFiles());
});
after(() => stack.disposeAsync());

/** Lists the files that a package may leave, without caches, logs and the databases of packages and timers. */
async function listFiles(): Promise<string[]> {
  const ignored = [
    '/proc',
    '/sys',
    '/run',
    '/tmp',
    '/var/tmp',
    '/var/cache',
    '/var/log',
    '/var/lib/apt',
    '/var/lib/dpkg',
  ];
  const pruned = [...ignored, '/var/lib/systemd/timers'].map((path) => `-path ${path}`).join(' -o ');
  return (await run(`find / -xdev \\( ${pruned} \\) -prune -o -print | sort`)).trim().split('\n');
}

const install = (option = '') => run(`apt-get install --yes --quiet ${option} /srv/cistern_*.deb`);
const show = async (property: string, unit = 'cistern') =>
  (await run(`systemctl show --property ${property} --value ${unit}`)).trim();
const untilServing = () => installation.machine.untilServing('cistern');

test('apt-get installs the package, and a client pulls through the service', async (t) => {
  const { configuration, pull, pullWarm } = installation;
  await diagnoseTime(t, 'from nothing to the first pull with the Debian package', async () => {
    await install();
    await run(`printf '%s' '${configuration}' >>/etc/cistern/config.yml; systemctl restart cistern`);
    await untilServing();
    await pull();
  });
  await pullWarm();
});

test('the service runs as its own user, and starts with the system', async () => {
  assert.equal((await run(`stat --format %U /proc/${await show('MainPID')}`)).trim(), 'cistern');
  assert.equal((await run('systemctl is-enabled cistern')).trim(), 'enabled');
});

for (const unit of ['cistern.service', 'cistern@.service'])
  test(`systemd finds no fault in ${unit}, and its exposure is below 2.0`, async () => {
    const path = '/usr/lib/systemd/system';
    assert.equal(await run(`systemd-analyze verify ${path}/${unit.replace('@', '@worker')} 2>&1`), '');
    await run(`systemd-analyze security --no-pager --offline=true --threshold=19 ${path}/${unit}`);
  });

test('root needs no options to see the state of the service', async () => {
  assert.match(await run('cistern status'), /^cached +3 blobs/m);
});

test('the service starts again after it was killed', async () => {
  const killed = await show('MainPID');
  await run('systemctl kill --signal=KILL cistern');
  await untilMachine('another process runs', async () => !['0', killed].includes(await show('MainPID')));
  await untilServing();
  await installation.pull();
});

test('a reload changes settings in the same process', async () => {
  const [process, configuration] = [await show('MainPID'), '/etc/cistern/config.yml'];
  await run(`echo 'log: { level: debug }' >>${configuration}; systemctl reload cistern`);
  const journal = () => run('journalctl --unit cistern --no-pager');
  await untilMachine('the level is changed', async () => /configuration reloaded .*"log\.level"/.test(await journal()));
  assert.equal(await show('MainPID'), process);
  await run(`sed --in-place '/^log:/d' ${configuration}; systemctl reload cistern`);
});

test('a reload fails with the reason if the file is invalid, and the service continues', async () => {
  const [process, configuration] = [await show('MainPID'), '/etc/cistern/config.yml'];
  await run(`echo 'log: { level: loud }' >>${configuration}`);
  await assert.rejects(run('systemctl reload cistern'), /Job for cistern\.service failed/);
  assert.match(await run('journalctl --unit cistern --no-pager'), /log\.level: .*"loud"/);
  assert.equal(await show('MainPID'), process);
  await run(`sed --in-place '/^log:/d' ${configuration}; systemctl reload cistern`);
  await installation.pull();
});

test('an upgrade restarts the service, and keeps the changed configuration and all rights', async () => {
  const listRights = () => run('stat --format "%n %a %U %G" /etc/cistern /etc/cistern/* /var/lib/cistern');
  const [process, rights] = [await show('MainPID'), await listRights()];
  await install('--reinstall');
  await untilServing();
  assert.notEqual(await show('MainPID'), process);
  assert.ok((await run('cat /etc/cistern/config.yml')).endsWith(installation.configuration));
  assert.equal(await listRights(), rights);
  await installation.pullWarm();
});

test('a disabled service stays stopped after an upgrade', async () => {
  await run('systemctl disable --now cistern 2>&1');
  await install('--reinstall');
  assert.equal(await show('ActiveState'), 'inactive');
  assert.equal((await run('systemctl is-enabled cistern || true')).trim(), 'disabled');
  await run('systemctl enable --now cistern 2>&1');
});

test('a node of a cluster does not start without its configuration', async () => {
  await run('systemctl start cistern@worker');
  assert.equal(await show('ConditionResult', 'cistern@worker'), 'no');
});

test('a node of a cluster runs as its own user, also while it cannot reach Redis', async () => {
  const config = [
    'redis: { addrs: ["127.0.0.1:1"] }',
    'cluster: { secretfile: /etc/cistern/secret }',
    'storage: { filesystem: { rootdirectory: /var/lib/cistern/worker } }',
  ].join('\n');
  await run(`echo '${config}' >/etc/cistern/cluster.yml; echo ${'secret '.repeat(6)} | tr -d ' ' >/etc/cistern/secret`);
  await run('systemctl enable --now cistern@worker 2>&1');
  const process = await show('MainPID', 'cistern@worker');
  assert.equal((await run(`stat --format %U /proc/${process}`)).trim(), 'cistern');
  await untilMachine('the worker reports Redis', async () =>
    /index unavailable|Redis/.test(await run('journalctl --unit cistern@worker --no-pager')),
  );
  assert.equal(await show('MainPID', 'cistern@worker'), process);
});

test('after the removal nothing runs, and configuration and content remain', async () => {
  await run('apt-get remove --yes --quiet cistern');
  assert.equal(await run("systemctl list-units --plain --no-legend 'cistern*'"), '');
  await run('test -e /etc/cistern/config.yml -a -e /var/lib/cistern');
});

test('after the purge, only files of operators remain', async () => {
  await run('apt-get purge --yes --quiet --autoremove cistern');
  const left = (await listFiles()).filter((file) => !filesBefore.has(file));
  assert.deepEqual(left, ['/etc/cistern', '/etc/cistern/cluster.yml', '/etc/cistern/secret']);
});
