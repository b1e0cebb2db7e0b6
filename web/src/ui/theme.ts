// Light or dark: the theme of the system, until a person chooses another.

import { useState } from "react";

const KEY = "tandem.theme";
type Theme = "light" | "dark";

const chosen = () => localStorage.getItem(KEY) as Theme | null;
const system = (): Theme => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

export function applyTheme() {
  const theme = chosen();
  if (theme) document.documentElement.dataset["theme"] = theme;
}

export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(() => chosen() ?? system());
  const toggle = () => {
    const next = theme === "dark" ? "light" : "dark";
    localStorage.setItem(KEY, next);
    applyTheme();
    setTheme(next);
  };
  return [theme, toggle];
}
