// A text with its line numbers, and the line that is at fault marked.

import { type Ref, type RefObject, useRef } from "react";

type Props = {
  ref: RefObject<HTMLTextAreaElement | null>;
  label: string;
  text: string;
  faultLine?: number | undefined;
  /** Lines that are to be seen, counted from 1. */
  marked?: { first: number; last: number };
  readOnly?: boolean;
  onChange: (text: string) => void;
  /** Ctrl+S. */
  onSave: () => void;
};

export function CodeArea({ ref, label, text, faultLine, marked, readOnly, onChange, onSave }: Props) {
  const rows = useRef<HTMLDivElement>(null);
  const lines = text.split("\n").length;
  // The numbers and the mark are behind the text and go where it is scrolled to.
  const follow = () => {
    const top = ref.current?.scrollTop ?? 0;
    if (rows.current) rows.current.style.transform = `translateY(${-top}px)`;
  };
  return (
    <div className="code-area">
      <div className="rows" aria-hidden="true">
        <div ref={rows}>
          {marked && <Mark line={marked.first} lines={marked.last - marked.first + 1} look="mark theirs" />}
          {faultLine ? <Mark line={faultLine} /> : null}
          <pre>{Array.from({ length: lines }, (_, i) => i + 1).join("\n")}</pre>
        </div>
      </div>
      <textarea
        ref={ref as Ref<HTMLTextAreaElement>}
        aria-label={label}
        aria-invalid={faultLine === undefined ? undefined : true}
        spellCheck={false}
        autoCapitalize="off"
        wrap="off"
        readOnly={readOnly}
        value={text}
        onScroll={follow}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if ((event.ctrlKey || event.metaKey) && event.key === "s") {
            event.preventDefault();
            onSave();
          }
        }}
      />
    </div>
  );
}

function Mark({ line, lines = 1, look = "mark" }: { line: number; lines?: number; look?: string }) {
  const place = (mark: HTMLDivElement | null) => {
    mark?.style.setProperty("--line", String(line - 1));
    mark?.style.setProperty("--lines", String(lines));
  };
  return <div className={look} ref={place} />;
}

/** Scrolls a text so that a line, counted from 1, is in the middle. */
export function showLine(area: HTMLTextAreaElement, line: number) {
  const height = Number.parseFloat(getComputedStyle(area).lineHeight) || 22;
  area.scrollTop = Math.max(0, (line - 1) * height - area.clientHeight / 2);
}
