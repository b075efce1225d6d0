/** A token of a row as a bar shows it. */
export interface Bar {
  id: number;
  label: string;
  share: number;
  state: "kept" | "cut" | "masked";
  /** It was drawn. */
  chosen: boolean;
  /** The dart hits it at the sliders' settings. */
  hit: boolean;
}
