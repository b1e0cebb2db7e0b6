// Dialogs on the browser's own <dialog>: it keeps the focus inside, closes with Escape, gives it back.

import { type FormEvent, type ReactNode, useId, useLayoutEffect, useRef } from "react";

import { CloseIcon } from "./Icons";

type DialogProps = { title: string; onClose: () => void; children: ReactNode };

export function Dialog({ title, onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // A layout effect: its end comes before the element is taken away, so that closing gives the focus back.
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    // The first field; where there is none, the button that does no harm. Not the cross in the corner.
    dialog?.querySelector<HTMLElement>(".dialog-body input, .dialog-body select, .dialog-foot button")?.focus();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={ref} aria-labelledby={heading} onCancel={(event) => (event.preventDefault(), onClose())}>
      <header className="dialog-head">
        <h2 id={heading}>{title}</h2>
        <button type="button" className="quiet square" aria-label="Close" onClick={onClose}>
          <CloseIcon />
        </button>
      </header>
      {children}
    </dialog>
  );
}

type FormDialogProps = DialogProps & {
  submit: string;
  danger?: boolean;
  busy: boolean;
  error?: string | undefined;
  onSubmit: () => void;
};

/** A dialog with fields, a line for what is wrong, and its two buttons. */
export function FormDialog({ submit, danger, busy, error, onSubmit, children, ...dialog }: FormDialogProps) {
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!busy) onSubmit();
  };
  return (
    <Dialog {...dialog}>
      <form onSubmit={send} noValidate>
        <div className="dialog-body">
          {children}
          {error && (
            <p className="fault" role="alert">
              {error}
            </p>
          )}
        </div>
        <footer className="dialog-foot">
          <button type="button" onClick={dialog.onClose}>
            Cancel
          </button>
          <button type="submit" className={danger ? "danger" : "primary"} disabled={busy}>
            {submit}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
