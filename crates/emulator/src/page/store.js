/** A value that can be watched. */
export function store(value) {
  const watchers = new Set();
  return {
    get value() {
      return value;
    },
    set(next) {
      if (next === value) return;
      value = next;
      for (const watcher of [...watchers]) watcher(value);
    },
    /** Returns what ends it. */
    subscribe(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

/** A choice that is kept from one visit to the next, where the browser keeps any. */
export function remembered(name, fallback) {
  const key = `azwire.${name}`;
  let first = fallback;
  try {
    first = localStorage.getItem(key) ?? fallback;
  } catch {
    // Not kept.
  }
  const kept = store(first);
  kept.subscribe((value) => {
    try {
      localStorage.setItem(key, value);
    } catch {
      // Not kept.
    }
  });
  return kept;
}
