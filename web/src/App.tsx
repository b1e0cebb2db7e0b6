import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { BrowserRouter, Navigate, NavLink, Route, Routes, useLocation } from "react-router";

import { ApiError } from "./api/client";
import { Live, useLiveState } from "./api/live";
import { useAskBeforeLeaving, useDrafts } from "./api/drafts";
import { session } from "./api/session";
import { CallsPage } from "./pages/Calls";
import { ConferencesPage } from "./pages/Conferences";
import { DialplansPage } from "./pages/Dialplans";
import { ExtensionsPage } from "./pages/Extensions";
import { HistoryPage } from "./pages/History";
import { RecordingsPage } from "./pages/Recordings";
import { RegistrationsPage } from "./pages/Registrations";
import { SignIn } from "./pages/SignIn";
import { SubscriptionsPage } from "./pages/Subscriptions";
import { clock } from "./ui/format";
import { useToken } from "./ui/hooks";
import {
  CallsIcon,
  HistoryIcon,
  LampIcon,
  LeaveIcon,
  MicrophoneIcon,
  MoonIcon,
  PeopleIcon,
  PhoneIcon,
  RoomIcon,
  RouteIcon,
  SunIcon,
} from "./ui/Icons";
import { Notices } from "./ui/Notices";
import { useTheme } from "./ui/theme";

/** A request is repeated only if the next answer may differ: no connection, or a fault of the server. */
const retry = (failures: number, error: unknown) =>
  failures < 2 && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500);

export const newQueryClient = () =>
  new QueryClient({ defaultOptions: { queries: { retry, staleTime: 5_000, refetchOnWindowFocus: true } } });

export function App() {
  const token = useToken();
  useAskBeforeLeaving();
  return token ? <Signed key={token} /> : <SignIn />;
}

function Signed() {
  // Each sign-in has its own cache: a token does not see data that was read with another token.
  const [client] = useState(newQueryClient);
  useEffect(() => () => client.clear(), [client]);
  return (
    <QueryClientProvider client={client}>
      <Notices>
        <Live>
          <BrowserRouter>
            <a className="skip" href="#main">
              Skip to content
            </a>
            <div className="shell">
              <Side />
              <main id="main" tabIndex={-1}>
                <Lost />
                <Routes>
                  <Route path="/" element={<Navigate to="/calls" replace />} />
                  <Route path="/calls" element={<CallsPage />} />
                  <Route path="/conferences" element={<ConferencesPage />} />
                  <Route path="/extensions" element={<ExtensionsPage />} />
                  <Route path="/registrations" element={<RegistrationsPage />} />
                  <Route path="/subscriptions" element={<SubscriptionsPage />} />
                  <Route path="/history" element={<HistoryPage />} />
                  <Route path="/recordings" element={<RecordingsPage />} />
                  <Route path="/dialplans/:name?" element={<DialplansPage />} />
                  <Route path="*" element={<Navigate to="/calls" replace />} />
                </Routes>
              </main>
            </div>
          </BrowserRouter>
        </Live>
      </Notices>
    </QueryClientProvider>
  );
}

/** Says that the data on the screen is out of date, and since when. */
function Lost() {
  const lost = useLiveState() === "lost";
  const [since, setSince] = useState<string>();
  useEffect(() => setSince(lost ? new Date().toISOString() : undefined), [lost]);
  if (!lost || !since) return null;
  return (
    <p className="banner" role="alert">
      <b>The connection to Tandem is lost.</b> You see the data of {clock(since)}. The page connects again by itself.
    </p>
  );
}

const STATES = { open: "Live", connecting: "Connecting…", lost: "Not connected" };

function Side() {
  const [theme, toggleTheme] = useTheme();
  const state = useLiveState();
  const unsaved = Object.keys(useDrafts()).length > 0;
  const { pathname } = useLocation();
  // On a narrow screen not all pages are in sight.
  useEffect(() => document.querySelector("nav a.active")?.scrollIntoView?.({ block: "nearest", inline: "nearest" }), [pathname]);
  return (
    <header className="side">
      <div className="brand">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <span>Tandem</span>
      </div>
      <nav aria-label="Pages">
        <NavLink to="/calls">
          <CallsIcon />
          <span>Calls</span>
        </NavLink>
        <NavLink to="/conferences">
          <RoomIcon />
          <span>Conferences</span>
        </NavLink>
        <NavLink to="/extensions">
          <PeopleIcon />
          <span>Extensions</span>
        </NavLink>
        <NavLink to="/registrations">
          <PhoneIcon />
          <span>Registrations</span>
        </NavLink>
        <NavLink to="/subscriptions">
          <LampIcon />
          <span>Subscriptions</span>
        </NavLink>
        <NavLink to="/history">
          <HistoryIcon />
          <span>Call history</span>
        </NavLink>
        <NavLink to="/recordings">
          <MicrophoneIcon />
          <span>Recordings</span>
        </NavLink>
        <NavLink to="/dialplans">
          <RouteIcon />
          <span>
            Dialplan
            {unsaved && (
              <span className="unsaved" title="Not saved yet">
                <span className="sr-only">, not saved yet</span>
              </span>
            )}
          </span>
        </NavLink>
      </nav>
      <div className="side-foot">
        <p className={`live ${state}`} role="status" title={state === "open" ? "The page shows changes at once" : undefined}>
          <span className="dot" aria-hidden="true" />
          <span>{STATES[state]}</span>
        </p>
        <button
          type="button"
          className="quiet square"
          aria-label={theme === "dark" ? "Light colours" : "Dark colours"}
          onClick={toggleTheme}
        >
          {theme === "dark" ? <SunIcon /> : <MoonIcon />}
        </button>
        <button type="button" className="quiet square" aria-label="Sign out" onClick={() => session.signOut()}>
          <LeaveIcon />
        </button>
      </div>
    </header>
  );
}
