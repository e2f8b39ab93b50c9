//! Which permission a refused call lacks.

use super::operation::{Operation, Resource};

/// What to allow after `operation` was denied with `message`, as advice; none when neither names an action.
///
/// What the service names is what it looked for: it knows of conditions, and of keys that only it uses.
pub fn advice(operation: Option<&Operation>, message: &str) -> Option<String> {
    let named = named_action(message);
    if let Some(action) = named.filter(|_| message.contains("explicit deny")) {
        return Some(format!(
            "some policy denies `{action}` explicitly: the message says of which kind it is"
        ));
    }
    let actions = named.map(|action| format!("`{action}`")).or_else(|| operation.and_then(wanted))?;
    Some(format!(
        "allow {actions} to the identity in use; `sitepush iam-policy --for` prints all that a command needs"
    ))
}

/// The action that an identity lacked when `operation` was denied with `message`; none when neither names one.
pub fn missing<'a>(operation: Option<&Operation>, message: &'a str) -> Option<&'a str> {
    let of_operation = || operation.and_then(|operation| of_service(operation).next());
    named_action(message).or_else(of_operation)
}

/// What the service itself asks for, and not what it asks of others in the identity's name.
fn of_service(operation: &Operation) -> impl Iterator<Item = &'static str> {
    let grants = operation.grants.iter().filter(|grant| grant.resource != Resource::Key);
    grants.map(|grant| grant.action)
}

/// `s3:GetObject` and the like, as people read it; none for what everybody may do.
fn wanted(operation: &Operation) -> Option<String> {
    let actions: Vec<String> = of_service(operation).map(|action| format!("`{action}`")).collect();
    if actions.is_empty() {
        return None;
    }
    let actions = actions.join(" and ");
    if [Operation::GET_OBJECT, Operation::HEAD_OBJECT].contains(operation) {
        // A missing object is denied, too, to those who may not list.
        return Some(format!("{actions}, and `{}`, without which S3 denies what is missing,", list_action()));
    }
    Some(actions)
}

fn list_action() -> &'static str {
    Operation::LEARN_ABSENCE.grants[0].action
}

/// The action in `... is not authorized to perform: s3:PutObject on resource: ...`.
fn named_action(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let action = rest.split([' ', ',']).next()?.trim_end_matches('.');
    let (service, name) = action.split_once(':')?;
    let is_service = !service.is_empty()
        && service.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_service && is_name).then_some(action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_names_comes_before_what_the_operation_needs() {
        let put = Some(&Operation::PUT_OBJECT);
        let told = "AccessDenied: User: arn:aws:iam::111122223333:user/ci is not authorized to perform: \
                    kms:GenerateDataKey on resource: \"arn:aws:kms:...\" because no identity-based policy allows it";
        assert!(advice(put, told).expect("advice").starts_with("allow `kms:GenerateDataKey` to"));
        assert!(advice(None, told).expect("advice").starts_with("allow `kms:GenerateDataKey` to"));
        let advice_for = |operation| advice(Some(operation), "AccessDenied: Access Denied").expect("advice");
        assert!(advice_for(&Operation::PUT_OBJECT).starts_with("allow `s3:PutObject` to"));
        assert!(
            advice_for(&Operation::COPY_OBJECT).starts_with("allow `s3:GetObject` and `s3:PutObject` to")
        );
        assert!(advice_for(&Operation::GET_OBJECT).contains("`s3:ListBucket`"));
        assert_eq!(advice(None, "AccessDenied: Access Denied"), None);
        assert_eq!(advice(Some(&Operation::GET_CALLER_IDENTITY), "AccessDenied: Access Denied"), None);
        assert_eq!(missing(put, told), Some("kms:GenerateDataKey"));
        assert_eq!(missing(put, "AccessDenied: Access Denied"), Some("s3:PutObject"));
        assert_eq!(missing(None, "AccessDenied: Access Denied"), None);
    }

    #[test]
    fn an_explicit_deny_is_not_answered_with_allowing_it() {
        let told = "User: u is not authorized to perform: s3:PutObject on resource: r with an explicit deny in a \
                    resource-based policy";
        let advice = advice(Some(&Operation::PUT_OBJECT), told).expect("advice");
        assert!(advice.starts_with("some policy denies `s3:PutObject` explicitly"), "{advice}");
    }

    #[test]
    fn a_message_that_names_no_action_is_not_quoted() {
        for message in [
            "is not authorized to perform: ",
            "is not authorized to perform: x",
            "is not authorized to perform: `rm`:x on",
            "is not authorized to perform: s3: on",
        ] {
            assert_eq!(named_action(message), None, "{message}");
        }
    }
}
