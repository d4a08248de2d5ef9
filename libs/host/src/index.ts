export { acquireLock, LockedError, type FileLock } from './file-lock.js';
export { clearEarlierLife, type EarlierLife } from './earlier-life.js';
export { freePort, isPortFree } from './ports.js';
export { keepServer, untilAnswers, type AnswerOptions, type KeepServerOptions, type KeptServer } from './kept-server.js';
export { processStart, processCommand } from './process-identity.js';
export { secretFile } from './secret-file.js';
export { spawnTethered, type TetheredServer, type TetherOptions } from './tether.js';
export { unprivilegedUser, canReach, maySearch, type HostUser } from './unprivileged.js';
