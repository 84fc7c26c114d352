/** The three calls of fs-native-extensions that file-lock uses; the package ships no types. */
declare module 'fs-native-extensions' {
  export function tryLock(fd: number): boolean;
  export function waitForLock(fd: number): Promise<void>;
  export function unlock(fd: number): void;
}
