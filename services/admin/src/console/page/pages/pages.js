// The pages of the console, in the order of its menu. The first one is the start page.
import { auditPage } from './audit.js';
import { connectPage } from './connect.js';
import { imagesPage } from './images.js';
import { inFlightPage } from './in-flight.js';
import { jobsPage } from './jobs.js';
import { nodesPage } from './nodes.js';
import { overviewPage } from './overview.js';
import { upstreamsPage } from './upstreams.js';

/** @type {readonly import('../page.d.ts').PageKind[]} */
export const pages = [
  overviewPage,
  inFlightPage,
  imagesPage,
  upstreamsPage,
  jobsPage,
  nodesPage,
  auditPage,
  connectPage,
];
