// The pages of the console, in the order of its menu. The first one is where it begins.
import { connectPage } from './connect.js';
import { overviewPage } from './overview.js';
import { upstreamsPage } from './upstreams.js';

/** @type {readonly import('../page.d.ts').PageKind[]} */
export const pages = [overviewPage, upstreamsPage, connectPage];
