/** One data-plane process of several (`APEX_WORKERS`), started by `apex start`. */
import cluster from 'node:cluster';
import { runWorkerProcess } from './worker-process/run-worker-process.js';

if (cluster.isWorker) {
  runWorkerProcess();
} else {
  process.stderr.write('This program is a part of `npm start` with APEX_WORKERS above 1, and does nothing by itself.\n');
  process.exitCode = 2;
}
