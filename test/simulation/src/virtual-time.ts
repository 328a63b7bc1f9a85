// `node --import …/virtual-time.ts --test …`: tests run on virtual time and in a simulated network. Files are the machine's.
import { beginNow } from './world/clock.ts';
import { driveAlways } from './world/drive.ts';
import { countOutsideWork } from './world/outside-work.ts';
import { installWorld, resetWorld } from './world/install.ts';

beginNow();
resetWorld(1);
countOutsideWork();
installWorld();
driveAlways();
