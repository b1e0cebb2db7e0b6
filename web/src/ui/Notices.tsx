// Short notices in a corner, read out by screen readers.

import { createContext, type ReactNode, useCallback, useContext, useRef, useState } from "react";

import { CloseIcon } from "./Icons";

export type Notice = { tone: "good" | "bad"; text: string };
type Shown = Notice & { id: number };

const MOST = 4;
const Notify = createContext<(notice: Notice) => void>(() => {});
export const useNotify = () => useContext(Notify);

export function Notices({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Shown[]>([]);
  const next = useRef(0);
  const remove = useCallback((id: number) => setShown((all) => all.filter((notice) => notice.id !== id)), []);
  const notify = useCallback(
    (notice: Notice) => {
      const id = next.current++;
      setShown((all) => [...all, { ...notice, id }].slice(-MOST));
      setTimeout(() => remove(id), notice.tone === "bad" ? 12_000 : 5_000);
    },
    [remove],
  );
  return (
    <Notify.Provider value={notify}>
      {children}
      <div className="notices" role="status" aria-live="polite">
        {shown.map(({ id, tone, text }) => (
          <div key={id} className={`notice ${tone}`}>
            <span>{text}</span>
            <button type="button" className="quiet square" aria-label="Dismiss" onClick={() => remove(id)}>
              <CloseIcon />
            </button>
          </div>
        ))}
      </div>
    </Notify.Provider>
  );
}
