// The page at /graphql: GraphiQL on this server, with the example operations ready to run.
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./page.css";
import { type Examples, toTabs } from "./examples.ts";
import { storage } from "./storage.ts";

const container = document.querySelector("#graphiql");
if (container === null) throw new Error("index.html has no place for GraphiQL");

const response = await fetch(`${import.meta.env.BASE_URL}examples.json`);
const examples: Examples = await response.json();
const tabs = toTabs(examples);
const { variables, headers } = tabs[0] ?? {};
// GraphiQL gives its editors these, not those of the first tab; on a later visit it must keep what it remembers.
const isFirstVisit = storage.getItem("graphiql:tabState") === null;

createRoot(container).render(
  createElement(GraphiQL, {
    fetcher: createGraphiQLFetcher({ url: "/graphql" }),
    defaultTabs: tabs,
    ...(headers && { defaultHeaders: headers }),
    ...(isFirstVisit && variables && { initialVariables: variables }),
    // Tokens are typed into headers: they stay in the page and are gone with it.
    storage,
    shouldPersistHeaders: false,
    showPersistHeadersSettings: false,
  }),
);
