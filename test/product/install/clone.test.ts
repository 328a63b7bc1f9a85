// Tests `npm start` in a new clone on a clean Debian system with Debian's own Node and npm.
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { diagnoseTime } from '@cistern/test-servers';
import { cloneHead } from '../src/install/ensure-release.ts';
import { type Installation, openInstallation } from '../src/install/open-installation.ts';

const stack = new AsyncDisposableStack();
let installation: Installation;

before(async () => {
  installation = await openInstallation('node');
  stack.defer(installation.close);
});
after(() => stack.disposeAsync());

test('npm start installs everything that a new clone needs, and a client pulls', async (t) => {
  const { machine, pull, pullWarm, variables } = installation;
  await machine.run('useradd --create-home someone');
  await diagnoseTime(t, 'from a clone to the first pull with npm start', async () => {
    await cloneHead(join(machine.directory, 'home/someone/cistern'));
    await machine.run('chown --recursive someone: /home/someone/cistern');
    await machine.start('clone', `env ${variables} npm --prefix cistern start`, 'someone');
    await machine.untilServing('clone');
    await pull();
  });
  await pullWarm();
});
