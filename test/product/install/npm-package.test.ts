// Tests the npm package on a clean Debian system with Debian's own Node and npm.
import { after, before, test } from 'node:test';
import { diagnoseTime } from '@cistern/test-servers';
import { fileOfRelease } from '../src/install/ensure-release.ts';
import { type Installation, openInstallation } from '../src/install/open-installation.ts';

const stack = new AsyncDisposableStack();
let installation: Installation;

before(async () => {
  const file = await fileOfRelease(/\.tgz$/);
  installation = await openInstallation('node');
  stack.defer(installation.close);
  await installation.machine.copyIn(file);
  await installation.machine.run('useradd --create-home someone');
});
after(() => stack.disposeAsync());

const ways = [
  { user: 'root', command: 'cistern', options: '' },
  // The user installs into their own home, and lets no package run a script.
  { user: 'someone', command: '.local/bin/cistern', options: '--prefix .local --ignore-scripts' },
];

for (const { user, command, options } of ways)
  test(`npm installs the package for ${user}, and a client pulls`, async (t) => {
    const { machine, pull, pullWarm, variables } = installation;
    const unit = `cistern-of-${user}`;
    await diagnoseTime(t, `from nothing to the first pull with the npm package as ${user}`, async () => {
      await machine.run(`npm install --global ${options} /srv/cistern-*.tgz`, user);
      await machine.start(unit, `env ${variables} ${command} serve`, user);
      await machine.untilServing(unit);
      await pull();
    });
    await pullWarm();
    await machine.run(`systemctl stop ${unit}`);
  });
