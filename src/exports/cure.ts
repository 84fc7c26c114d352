/**
 * cure - what the operator can do when the system refuses a map something
 */

/** What to do about an error of the system, after a colon; nothing about one that speaks for itself. */
export function cureOf(code: string | undefined): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `: let the daemon's user (uid ${process.geteuid?.() ?? 'unknown'}) write to the directory`;
    case 'EROFS':
      return ': its file system is read-only for the daemon; under systemd, name it in ReadWritePaths=';
    case 'ENOSPC':
    case 'EDQUOT':
      return ': make room on its file system';
    case 'EIO':
      // liblmdb says so too when a full disk takes only a part of what it writes.
      return ': its file system is full, or its disk fails';
    default:
      return '';
  }
}
