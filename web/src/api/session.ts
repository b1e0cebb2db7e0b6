// The admin token: kept for this tab only, gone when it closes.

const KEY = "tandem.token";
const listeners = new Set<() => void>();
let refused = false;

function changed() {
  for (const listener of listeners) listener();
}

export const session = {
  token: () => sessionStorage.getItem(KEY),
  /** True if the server refused the last token. */
  refused: () => refused,
  signIn(token: string) {
    refused = false;
    sessionStorage.setItem(KEY, token);
    changed();
  },
  /** `because` is "refused" where the server no longer takes the token. */
  signOut(because?: "refused") {
    refused = because === "refused";
    sessionStorage.removeItem(KEY);
    changed();
  },
  subscribe(listener: () => void) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
