import React, { useMemo, useState } from "react";
import styles from "./TodoList.module.css";

export interface Todo {
  id: number;
  title: string;
  done: boolean;
}

type Props = {
  todos: Todo[];
  onToggle: (id: number) => void;
};

/** Context with the words of the page. */
export const Words = React.createContext({ empty: "Nothing to do" });

/**
 * One line of the list.
 */
const Line = ({ todo, onToggle }: { todo: Todo; onToggle: Props["onToggle"] }) => {
  const label = todo.done ? <s>{todo.title}</s> : todo.title;
  return (
    <li className={styles.line}>
      <label>
        <input type="checkbox" checked={todo.done} onChange={() => onToggle(todo.id)} />
        {label}
      </label>
    </li>
  );
};

export function useFilter(todos: Todo[]) {
  const [needle, setNeedle] = useState("");
  const found = useMemo(
    () => todos.filter((todo) => todo.title.includes(needle)),
    [todos, needle],
  );
  return { needle, setNeedle, found };
}

export class Boundary extends React.Component<{ children: React.ReactNode }, { failed: boolean }> {
  state = { failed: false };

  static getDerivedStateFromError = () => ({ failed: true });

  render() {
    return this.state.failed ? <p>Something broke.</p> : this.props.children;
  }
}

export default function TodoList({ todos, onToggle }: Props) {
  const { needle, setNeedle, found } = useFilter(todos);
  const words = React.useContext(Words);

  function clear(): void {
    setNeedle("");
  }

  return (
    <Boundary>
      <>
        <input value={needle} onChange={(event) => setNeedle(event.target.value)} />
        <button onClick={clear}>×</button>
        {found.length === 0 && <em>{words.empty}</em>}
        <ul>
          {found.map((todo) => (
            <Line key={todo.id} todo={todo} onToggle={onToggle} />
          ))}
        </ul>
      </>
    </Boundary>
  );
}
