/**
 * file-lock - exclusive locks on a whole file, as Postfix takes them
 *
 * Open-file-description locks (fcntl F_OFD_SETLK): the kernel drops them when the descriptor is closed
 * or the process dies, however it dies, so nothing is left behind. They conflict with the POSIX record
 * locks that Postfix's map readers take, and with another dracd's. The descriptor must be writable.
 */
import { tryLock, unlock, waitForLock } from 'fs-native-extensions';

/** Takes the lock if nobody holds one; answers at once. */
export function tryLockFile(fd: number): boolean {
  return tryLock(fd);
}

/** Resolves when the lock has been taken; waits in the thread pool, without bound. */
export async function waitForLockFile(fd: number): Promise<void> {
  await waitForLock(fd);
}

/** Gives the lock back. */
export function unlockFile(fd: number): void {
  unlock(fd);
}
