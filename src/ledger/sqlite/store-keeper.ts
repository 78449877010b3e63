import type { MangroveError } from '#errors/error.ts';
import { openDatabase } from '#ledger/sqlite/database.ts';
import { storeFault } from '#ledger/sqlite/fault.ts';
import { openStore, type Store } from '#ledger/sqlite/store.ts';

export interface StoreKeeperOptions {
  readonly path: string;
  readonly maxBytes: number | undefined;
  /** False when an earlier thread of this process had the file open already. */
  readonly create: boolean;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Opens the store when it is needed, gives it up after any fault, and opens it again once that may help. */
export interface StoreKeeper {
  /** @throws MangroveError LEDGER_* */
  readonly use: <T>(task: (store: Store) => T) => T;
  /** As Store.tidy, for a store that is open. @throws MangroveError LEDGER_* */
  readonly tidy: () => boolean;
  /** True once the store was open: from then on a missing file is a loss and no first start. */
  readonly wasOpen: () => boolean;
  readonly close: () => void;
}

/** Between two attempts every request gets the last fault at once: an open reads the newest records. */
const retryAfterMs = 1000;

export function createStoreKeeper(options: StoreKeeperOptions): StoreKeeper {
  let store: Store | undefined;
  let wasOpen = !options.create;
  let fault: { readonly error: MangroveError; readonly at: number } | undefined;

  function open(): Store {
    if (fault !== undefined && options.now() - fault.at < retryAfterMs) throw fault.error;
    const { path, maxBytes } = options;
    const verify = fault?.error.code === 'LEDGER_DAMAGED';
    const opened = openStore(openDatabase({ path, maxBytes, create: !wasOpen, verify }));
    wasOpen = true;
    fault = undefined;
    return opened;
  }

  function guarded<T>(task: () => T): T {
    try {
      return task();
    } catch (error) {
      const code = storeFault(error, options.path);
      // After a failed write nobody knows which pages reached the disk: only recovery from the file does.
      if (fault?.error !== code) fault = { error: code, at: options.now() };
      release();
      throw code;
    }
  }

  function release(): void {
    const last = store;
    store = undefined;
    try {
      last?.close();
    } catch {
      // The fault that led here is the one to report.
    }
  }

  return {
    use: (task) => guarded(() => task((store ??= open()))),
    tidy: () => guarded(() => store?.tidy() ?? false),
    wasOpen: () => wasOpen,
    close: release,
  };
}
