import { SearchIcon } from "./Icons";

type Props = { label: string; placeholder: string; maxLength: number; value: string; onChange: (value: string) => void };

export function Search({ label, onChange, ...input }: Props) {
  return (
    <label className="search">
      <span className="sr-only">{label}</span>
      <SearchIcon />
      <input type="search" {...input} onChange={(event) => onChange(event.target.value)} />
    </label>
  );
}
